"""Published corpora → documents: readers of other people's formats, beside the stored form.

- `corpus`: a file of any format → documents and what had to be altered; the format by the file's ending or by name.
- `conll`: a token a line with IOB tags (IOB1, IOB2, BIOES), as ANERCorp has it.
- `brat`: brat standoff, `.ann` beside `.txt`, as PolNeAR has it.
- `fitting`: spans as others annotate them → spans that a layer of tags can hold; whatever is altered is counted.
"""
