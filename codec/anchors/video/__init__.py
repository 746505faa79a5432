"""Other video codecs behind one interface, as killable single-threaded subprocesses: what TCM is compared with."""
