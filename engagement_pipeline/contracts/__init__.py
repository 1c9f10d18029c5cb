"""One pandera schema per stored table, and the split of valid from rejected rows."""
