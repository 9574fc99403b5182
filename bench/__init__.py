"""What asymgen costs, against what people would use instead: ``make bench``. Nothing here is a test.

Each figure is a ratio of two things measured in turns, in one run, on one machine (measure.py); the pages of
docs/benchmarks.md are written from them (report.py). A module for each row of the table there.
"""
