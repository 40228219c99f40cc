"""Bytes in, pairs out: plain functions about text and code, usable in a notebook, without Beam or torch."""
