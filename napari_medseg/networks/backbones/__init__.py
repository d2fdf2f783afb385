"""Encoders that published ImageNet files fit."""
