# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What checkpatch says of our files and is not to be mended. To be sourced.

# Where checkpatch cannot know better.
excused=(
	# the one place that may ask for the kernel's version, and for its types
	'^drivers/kmcl/compat\.h:.*(LINUX_VERSION_CODE|NEW_TYPEDEFS)'
	# and what a driver without it needs of that
	'^scripts/bench-guest/drivers\.h:.*NEW_TYPEDEFS'
	# the shape that TRACE_EVENT has everywhere
	'^include/trace/.*(OPEN_ENDED_LINE|PARENTHESIS_ALIGNMENT)'
	# a macro that makes declarations, for which there is no do-while
	'^include/vmbkmcl/driver\.h:.*MULTISTATEMENT_MACRO_USE_DO_WHILE'
	# lists for the preprocessor, and what is made of them
	'^(drivers/kmcl/(counters\.h|observe\.c)|scripts/kselftest/life/(storm\.h|device\.c)):.*(COMPLEX_MACRO|MACRO_ARG_REUSE|TRAILING_SEMICOLON)'
	'^kunit/life/life_inject_test\.c:.*(COMPLEX_MACRO|MACRO_ARG_REUSE)'
	'^drivers/clients/[a-z]+/[a-z]+_protocol\.h:.*COMPLEX_MACRO'
	# the argument is the name of a member
	'^drivers/kmcl/(hv_layout\.h|observe\.c):.*MACRO_ARG_PRECEDENCE'
	'^drivers/clients/(source/source|block/block_client|balloon/balloon|heartbeat/heartbeat)\.c:.*MACRO_ARG_(REUSE|PRECEDENCE)'
	# a size in bytes; the file is also built where there is no BIT()
	'^drivers/kmcl/wire\.h:.*BIT_MACRO'
	# also built where there is no __packed
	'^drivers/clients/heartbeat/heartbeat_protocol\.h:.*PREFER_DEFINED_ATTRIBUTE_MACRO'
	# no assertion: whether to wait
	'^drivers/kmcl/watchdog\.c:.*USE_LOCKDEP'
	# the kernel's own names
	'^(kunit/memory/(raw_pages|external_policy)_test|drivers/clients/balloon/pages|scripts/kselftest/places/places)\.c:.*CAMELCASE'
	# Windows' names, its types, and how long they are
	'^(include/vmbkmcl_windows|kunit/windows/|drivers/clients/storage/).*(CAMELCASE|NEW_TYPEDEFS)'
	'^include/vmbkmcl_windows/(callbacks|types|channel|configure|save)\.h:.*(SPACING|LONG_LINE)'
	'^(kunit/windows/|drivers/clients/storage/).*LONG_LINE'
	# what checkpatch says when it looks for those without a tree
	'^(Use of uninitialized value .root|find: ./include.: No such)'
	# a lock is described in the kernel-doc of its struct, which is checked
	'UNCOMMENTED_DEFINITION'
)

# vmb_not_excused LOG: prints the lines of checkpatch's that are to be mended, and
# fails if there are any.
vmb_not_excused() {
	! grep -vE "$(IFS='|'; echo "${excused[*]}")" "$1" || false
}
