"""Layouts of folders of recordings, each recognised from names alone."""
