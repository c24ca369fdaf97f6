# SPDX-License-Identifier: Apache-2.0
"""What `./trapeze bench` does between the boots and the report."""
