/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a guest test: by the debug exit port, which says whether the test has passed; where
 * there is none, by ACPI S5; where that does nothing either, the CPU stops for ever.
 */
#pragma once

#include <stdbool.h>

_Noreturn void power_end(bool passed);
