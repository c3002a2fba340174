// Who has the engine has its door to files.
@_exported public import MeterDisk
