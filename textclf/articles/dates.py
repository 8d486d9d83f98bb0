"""Dates as pages write them, in several languages."""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

MONTHS = {
    name.replace("_", " "): number
    for number, names in enumerate(
        (
            "january jan enero ene janvier janv janeiro januar يناير كانون_الثاني",
            "february feb febrero febrier février fevrier févr fevereiro februar فبراير شباط",
            "march mar marzo mars março märz مارس آذار اذار",
            "april apr abril abr avril avr أبريل ابريل نيسان",
            "may mayo mai maio مايو أيار ايار",
            "june jun junio juin junho juni يونيو حزيران",
            "july jul julio juillet juil julho juli يوليو تموز",
            "august aug agosto ago août aout أغسطس اغسطس آب",
            "september sep sept septiembre setiembre septembre setembro سبتمبر أيلول ايلول",
            "october oct octubre octobre outubro oktober okt أكتوبر اكتوبر تشرين_الأول",
            "november nov noviembre novembre novembro نوفمبر تشرين_الثاني",
            "december dec diciembre dic décembre decembre déc dezembro dezember dez ديسمبر كانون_الأول",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(map(re.escape, MONTHS), key=len, reverse=True))
_TIME = (
    r"(?:,?\s*(?:(?:at|um|às|a las|à|T|-|–|—|\||الساعة)\s*)?\d{1,2}(?:[:.h]\d{2}(?::\d{2})?|(?=\s?[ap]\.?m))"
    r"(?:\s?[ap]\.?m\.?(?!\w))?(?:\s?(?:[A-Z]{1,4}T|UTC|Z|h|hrs|local time)(?!\w))?(?:\s?[+-]\d{2}:?\d{2})?)?"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th|er|º|\.)?"
_BEFORE = r"(?<![\w./-])"
DATES = tuple(
    re.compile(f"{_BEFORE}{shape}{_TIME}", re.IGNORECASE)
    for shape in (
        r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})(?![\d/]|\.\d)",
        rf"(?P<day>{_DAY})(?:\s+(?:de|of)\s+|[\s-]+)(?P<name>{_MONTH})(?:/\w+)?\.?,?(?:\s+(?:de|del)\s+|[\s-]+)(?P<year>\d{{4}})(?!\d)",
        rf"(?P<name>{_MONTH})\.?\s+(?P<day>{_DAY}),?\s+(?P<year>\d{{4}})(?!\d)",
        r"(?P<first>\d{1,2})[./-](?P<second>\d{1,2})[./-](?P<year>\d{4})(?![\d/]|\.\d)",
    )
)
YEARLESS = re.compile(
    rf"{_BEFORE}(?:{_DAY}(?:\s+(?:de|of)\s+|[\s-]+)(?:{_MONTH})|(?:{_MONTH})\.?\s+{_DAY})\.?(?!\w){_TIME}",
    re.IGNORECASE,
)
CLOCK = re.compile(
    r"(?<![\w.:])\d{1,2}[:.h]\d{2}(?::\d{2})?(?:\s?[ap]\.?m\.?)?(?:\s?(?:[A-Z]{1,4}T|UTC|Z|h|hrs|local time))?(?!\w)"
    r"|(?<![\w.:])\d{1,2}\s?[ap]\.?m\.?(?!\w)"
)
AGO = re.compile(
    r"(?<!\w)(?:\d+|an?|one|two|three|hace \d+|il y a \d+|منذ \d+)\s?"
    r"(?:s|m|h|d|w|secs?|mins?|minutes?|hours?|hrs?|days?|weeks?|months?|years?|horas?|minutos?|días?|heures?|jours?|ساعات|دقائق|أيام)"
    r"(?:\s(?:ago|atrás))?(?!\w)",
    re.IGNORECASE,
)
WEEKDAY = re.compile(
    r"(?<!\w)(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|mon|tue|wed|thu|fri|sat|sun|lunes|martes|miércoles|jueves|viernes|sábado|domingo"
    r"|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|segunda-feira|terça-feira|quarta-feira|quinta-feira|sexta-feira"
    r"|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|today|yesterday"
    r"|الاثنين|الإثنين|الثلاثاء|الأربعاء|الاربعاء|الخميس|الجمعة|السبت|الأحد)(?!\w)",
    re.IGNORECASE,
)
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")


class Found(NamedTuple):
    """A date as written, and in ISO 8601 where it can be told (03/04/2021 cannot)."""

    raw: str
    iso: str


def find_date(text: str) -> Found | None:
    """Return the first full date in a text, with the time of day that follows it.

    A date in figures alone with a day up to 12 is not resolved, since half the world writes the month first.
    """
    shown = text.translate(_DIGITS)
    matches = [match for pattern in DATES if (match := pattern.search(shown))]
    if not matches:
        return None
    first = min(matches, key=lambda match: (match.start(), -match.end()))
    return Found(text[first.start() : first.end()].strip(" ,"), _iso(first.groupdict()))


def _iso(found: dict[str, str]) -> str:
    if "name" in found:
        month, day = MONTHS[found["name"].casefold()], int(re.sub(r"\D", "", found["day"]))
    elif "month" in found:
        month, day = int(found["month"]), int(found["day"])
    else:
        first, second = int(found["first"]), int(found["second"])
        if first <= 12 and second <= 12 and first != second:
            return ""
        day, month = (first, second) if first > 12 or first == second else (second, first)
    try:
        return date(int(found["year"]), month, day).isoformat()
    except ValueError:
        return ""


def without_dates(text: str) -> str:
    """Return a text less its dates, days of the week and times of day: nothing is left of a line that only dates."""
    shown = text.translate(_DIGITS)
    for pattern in (*DATES, YEARLESS, CLOCK, AGO, WEEKDAY):
        shown = pattern.sub(" ", shown)
    return " ".join(shown.split())
