"""Published values, rows and experiments of the papers, one package for each."""
