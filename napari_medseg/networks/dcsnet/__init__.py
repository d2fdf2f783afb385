"""DCSNet: a detector finds lesions, a second network segments each of them cut out and enlarged."""
