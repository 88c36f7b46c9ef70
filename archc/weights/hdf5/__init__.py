"""A reader of HDF5 files, of that part of the format that holds a network's weights.

After the "HDF5 File Format Specification" of The HDF Group, versions 3.0 and 4.0. Nothing but the
file itself is opened, every declared size is compared with the bytes at hand, and what weights do
not need is refused by name.
"""
