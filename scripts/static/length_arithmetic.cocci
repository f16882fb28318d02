// SPDX-License-Identifier: GPL-2.0
/// A sum or a product of two lengths may be past what 32 bits hold, and then it is small: a
/// comparison with it lets through what it is there to keep out. So what is compared is
/// made by check_add_overflow() and its kind, in 64 bits, or is rearranged.

virtual report

@sum@
typedef u32;
u32 first, second;
constant C;
expression bound;
binary operator compared = {<, <=, >, >=};
position p;
@@
(
first + C compared bound
|
bound compared first + C
|
first +@p second compared bound
|
bound compared first +@p second
|
first *@p second compared bound
|
bound compared first *@p second
)

@script:python depends on report@
p << sum.p;
@@
coccilib.report.print_report(p[0], "a length that may be past 32 bits is compared")
