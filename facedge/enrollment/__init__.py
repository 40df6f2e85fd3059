"""Enrolling a person on the device: photos or frames -> template, threshold with evidence, and a personal bundle."""
