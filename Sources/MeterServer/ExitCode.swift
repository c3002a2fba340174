/// How the process ends; the numbers are part of the interface.
enum ExitCode: Int32 {
    /// Stopped as asked; everything acknowledged is on the disk.
    case stopped = 0
    /// Something failed while the server ran.
    case failed = 1
    /// Damage in the data directory that needs a person.
    case damaged = 3
    /// Another server holds the data directory.
    case locked = 4
    /// The configuration is wrong or an address is taken (`EX_CONFIG`).
    case configuration = 78
}
