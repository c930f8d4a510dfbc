// Frequencies are rounded where they are read: see RotateHonest.swift.
