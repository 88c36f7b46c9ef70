"""Lists of networks; every module here has `NETWORKS`, and is found by itself."""
