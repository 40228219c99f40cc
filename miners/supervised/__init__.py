"""Pairs that other people made: lines and rows of their files in, texts and what is said of them out.

`line_readers` knows the layouts of files whose lines speak of texts by id, or of several texts of one query (MS MARCO,
BEIR, SNLI, MultiNLI); `joining` decides which of their statements become pairs and negatives; `table_rows` and
`code_search_net` make a pair of a row that holds one whole.
"""
