"""Measures built models as users run them: latency, session start, memory, time by layer.

    a model ─ feeds ─► a sample ─ latency ─► paired runs, in one process
                                ─ fresh ───► session start, first run, peak memory, a process each
                                ─ profile ─► ONNX Runtime's own profile, by layers of the spec

What is measured is what `archc.session` opens: ONNX Runtime on the CPU with all optimizations, as
many threads as are said, none of them spinning.
"""
