"""The zoo in Keras's own flavour, `specs/keras/`, against the networks of `keras.applications`."""
