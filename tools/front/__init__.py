# SPDX-License-Identifier: Apache-2.0
"""The front door of Trapeze: setup, build, boot and test from one command."""
