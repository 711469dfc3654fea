/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The version of this tree.
 */
#pragma once

#define BULKHEAD_VERSION "0.1.0"
