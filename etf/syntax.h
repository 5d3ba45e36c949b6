/*
 * syntax.h -- letters and reserved words of Erlang, as OTP 25 has them.
 *
 * Private to etf/: what the parser accepts as a plain atom is what the printer
 * leaves unquoted.
 */
#ifndef ETF_SYNTAX_H
#define ETF_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* May a plain atom begin with this character? */
bool etf__begins_atom(uint32_t point);

/* May a variable, if not `_` itself, begin with it? */
bool etf__begins_variable(uint32_t point);

/* May it go on inside a plain atom or a variable? */
bool etf__continues_name(uint32_t point);

/* Is this text a reserved word, and so no plain atom? */
bool etf__is_reserved(const uint8_t *text, size_t size);

#endif
