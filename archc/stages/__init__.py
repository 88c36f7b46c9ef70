"""The stages of the compiler, one a file or folder; `archc.pipeline` calls them in order."""
