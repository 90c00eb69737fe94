"""The gate for continuous integration: did a change make anything worse, and is that more than luck?

Two kinds. A *replay* carries a recorded run out again without a model, and everything must come out as recorded. The
*small model* gate compares a fresh run with the baseline of an earlier one, question by question.
"""
