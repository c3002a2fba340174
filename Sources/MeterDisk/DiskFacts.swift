internal import Glibc

/// How much room the file system of a directory has.
package struct DiskFacts: Sendable, Equatable {
    /// Bytes that this user may still write.
    package let freeByteCount: UInt64
    package let byteCount: UInt64

    /// - Returns: Nil if the system does not tell.
    package init?(of directory: String) {
        var facts = statvfs()
        guard unsafe statvfs(directory, &facts) == 0 else { return nil }
        freeByteCount = UInt64(facts.f_bavail).multipliedClamping(by: UInt64(facts.f_frsize))
        byteCount = UInt64(facts.f_blocks).multipliedClamping(by: UInt64(facts.f_frsize))
    }
}

extension UInt64 {
    fileprivate func multipliedClamping(by other: UInt64) -> UInt64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
