"""What an audit reads of a pair set, one subject a file; `pipelines.audit` puts it together."""
