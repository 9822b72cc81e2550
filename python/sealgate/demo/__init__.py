"""`sealgate demo`: the whole story on real servers, told by clients that sign without sealgate."""
