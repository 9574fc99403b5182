"""What explains a package in either format: README, copyright, dates, wrapped text. Pure."""

from __future__ import annotations

import textwrap
from email.utils import formatdate, parsedate

from asymgen import __version__, templating
from asymgen.packages.model import Package

# The text of LICENSE, which an installed asymgen does not have at hand; a test compares them.
LICENCE = """\
Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


def readme(package: Package) -> str:
    """What an administrator finds in /usr/share/doc."""
    return templating.render("package/readme.j2", package=package, upkeep=package.upkeep)


def copyright_text() -> str:
    """DEP-5."""
    return templating.render("package/copyright.j2", licence=[line or "." for line in LICENCE.splitlines()])


def changes(package: Package) -> tuple[str, ...]:
    """The entries of the changelog."""
    return (f"Made by asymgen {__version__} for the host {package.hostname}.", *package.changes)


def wrapped_description(package: Package) -> list[str]:
    """The description in lines of at most 76 characters."""
    return [line for paragraph in package.description for line in textwrap.wrap(paragraph, 76)]


def debian_date(date: int) -> str:
    """As a Debian changelog has it, and RFC 5322: day of the week, day, month, year, time, zone."""
    return formatdate(date).replace("-0000", "+0000")


def rpm_date(date: int) -> str:
    """As a spec's %changelog has it: day of the week, month, day, year. In the C locale, whatever this process has."""
    weekday, day, month, year, *_ = formatdate(date).replace(",", "").split()
    return f"{weekday} {month} {day} {year}"


def rfc3339_date(date: int) -> str:
    """As RFC 3339 has it, in UTC."""
    year, month, day, hour, minute, second, *_ = parsedate(formatdate(date)) or (1970, 1, 1, 0, 0, 0)
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
