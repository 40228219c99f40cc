"""The paper report: results of `pairmill evaluate` and logs of training runs as one HTML page that opens offline.

`inputs` reads the folders, `tables` and `charts` say what is shown, `page` writes it.
"""
