"""The kinds of engines: one file for each, light to import; what serves the model is imported when it is opened."""
