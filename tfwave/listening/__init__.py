"""Listening tests of generated clips: a folder, a web page, and ratings for the tables."""
