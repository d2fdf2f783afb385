"""Tools of correcting: arrays in, arrays out. Needs neither torch nor a window."""
