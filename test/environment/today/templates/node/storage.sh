storage
