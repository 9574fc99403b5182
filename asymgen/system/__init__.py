"""The only code that touches the world: commands, the files of a host, and what is read off it."""
