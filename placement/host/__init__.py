"""The machine that this runs on, as the resource providers that it stands for."""
