"""What ``python -m zfnet`` is made of: the options, the commands, and what they write."""
