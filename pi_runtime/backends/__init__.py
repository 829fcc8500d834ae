"""What computes the network: a plain definition of the result, and backends that are fast.

`reference` defines the result; `numpy` and `tflite` reproduce it to float32 rounding.
"""
