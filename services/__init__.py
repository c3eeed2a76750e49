"""The chassis that every Mitra service runs on: a library of small modules that knows no business noun."""
