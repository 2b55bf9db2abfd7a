"""What a user asks for, with files and folders: hunt, run, blind, calibrate, single stages, and what they store."""
