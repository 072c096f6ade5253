"""People's marks → records: words, spans, links, documents; the scheme they follow."""

from aqwal.annotations.records import Annotation, AnnotationError, Document, Link, Problem, Span
from aqwal.annotations.stored import read_documents, write_documents

__all__ = ["Annotation", "AnnotationError", "Document", "Link", "Problem", "Span", "read_documents", "write_documents"]
