/* The two clocks, and times as text (RFC 3339, RFC 9110 section 5.6.7). */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)
#define YEAR_10000_S INT64_C(253402300800) /* both text forms have four digits for the year */

static _Atomic int64_t fixed_s = -1;

static int64_t read_ns(clockid_t id)
{
	struct timespec now;
	ASSERT(clock_gettime(id, &now) == 0);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t clock_now_ns(void)
{
	int64_t fixed = atomic_load_explicit(&fixed_s, memory_order_relaxed);
	return fixed >= 0 ? fixed * NS_PER_S : read_ns(CLOCK_REALTIME);
}

int64_t clock_now_s(void)
{
	return clock_now_ns() / NS_PER_S;
}

int64_t clock_monotonic_ms(void)
{
	return read_ns(CLOCK_MONOTONIC) / 1000000;
}

void clock_fix(int64_t now_s)
{
	atomic_store(&fixed_s, now_s < 0 ? -1 : now_s);
}

static struct tm broken_down(int64_t time_s)
{
	ASSERT(time_s >= 0 && time_s < YEAR_10000_S);
	time_t t = (time_t)time_s;
	struct tm tm;
	ASSERT(gmtime_r(&t, &tm) != NULL);
	return tm;
}

char *clock_rfc3339(struct arena *arena, int64_t time_s)
{
	struct tm tm = broken_down(time_s);
	return arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
			    tm.tm_hour, tm.tm_min, tm.tm_sec);
}

char *clock_rfc3339_ns(struct arena *arena, int64_t time_ns)
{
	struct tm tm = broken_down(time_ns / NS_PER_S);
	return arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
			    tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(time_ns % NS_PER_S));
}

/* Not strftime: its names depend on the locale. */
void clock_put_http_date(int64_t time_s, char out[HTTP_DATE_SIZE])
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct tm tm = broken_down(time_s);
	int n = snprintf(out, HTTP_DATE_SIZE, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
			 months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	ASSERT(n == HTTP_DATE_SIZE - 1);
}

char *clock_http_date(struct arena *arena, int64_t time_s)
{
	char date[HTTP_DATE_SIZE];
	clock_put_http_date(time_s, date);
	return arena_text(arena, date);
}

/* Takes exactly `n` digits from the text, within [min, max]. */
static bool take_number(const char **text, int n, int min, int max, int *out)
{
	int value = 0;
	for (int i = 0; i < n; i++) {
		char c = (*text)[i];
		if (c < '0' || c > '9')
			return false;
		value = value * 10 + (c - '0');
	}
	*text += n;
	*out = value;
	return value >= min && value <= max;
}

static bool take_char(const char **text, const char *allowed)
{
	if (**text == '\0' || strchr(allowed, **text) == NULL)
		return false;
	(*text)++;
	return true;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

static bool take_date_time(const char **text, struct tm *tm)
{
	int year, month, day, hour, minute, second;
	if (!take_number(text, 4, 1970, 9999, &year) || !take_char(text, "-") ||
	    !take_number(text, 2, 1, 12, &month) || !take_char(text, "-") ||
	    !take_number(text, 2, 1, days_in_month(year, month), &day) || !take_char(text, "Tt") ||
	    !take_number(text, 2, 0, 23, &hour) || !take_char(text, ":") ||
	    !take_number(text, 2, 0, 59, &minute) || !take_char(text, ":") ||
	    !take_number(text, 2, 0, 60, &second)) /* 60: a leap second */
		return false;
	*tm = (struct tm){ .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day,
			   .tm_hour = hour, .tm_min = minute, .tm_sec = second };
	return true;
}

static bool take_fraction(const char **text)
{
	if (**text != '.')
		return true;
	size_t n = strspn(*text + 1, "0123456789");
	*text += 1 + n;
	return n > 0;
}

static bool take_offset(const char **text, int64_t *offset_s)
{
	int hours, minutes;
	int64_t sign = **text == '-' ? -1 : 1;
	*offset_s = 0;
	if (take_char(text, "Zz"))
		return true;
	if (!take_char(text, "+-") || !take_number(text, 2, 0, 23, &hours) || !take_char(text, ":") ||
	    !take_number(text, 2, 0, 59, &minutes))
		return false;
	*offset_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

result clock_parse_rfc3339(struct op *op, const char *text, int64_t *time_s)
{
	struct tm tm;
	int64_t offset_s;
	if (!take_date_time(&text, &tm) || !take_fraction(&text) || !take_offset(&text, &offset_s) || *text != '\0')
		return FAIL(op, ERR_MALFORMED, "time is not of the form 2026-11-21T09:30:00Z (RFC 3339)");
	int64_t seconds = (int64_t)timegm(&tm) - offset_s;
	if (seconds < 0 || seconds >= YEAR_10000_S)
		return FAIL(op, ERR_MALFORMED, "time lies outside the years 1970 to 9999");
	*time_s = seconds;
	return OK;
}
