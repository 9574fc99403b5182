"""The templates of every file that asymgen generates; a package so that wheels carry them."""
