"""Listening tests: made from generated clips, run as a web page, brought back to the tables."""
