internal import Glibc

extension DiskError: CustomStringConvertible {
    /// One line: what was attempted, on which file, what the system said, and what helps.
    package var description: String {
        let place = file.isEmpty ? "the data directory" : file
        switch reason {
        case .exists: return "\(operation.rawValue) \(place): a file of that name exists"
        case .notFound: return "\(operation.rawValue) \(place): there is no such file"
        case .noSpace:
            return "\(operation.rawValue) \(place): no space is left on the disk or in the quota; "
                + "make room, nothing acknowledged is lost"
        case .locked(let process):
            let holder = process.map { "process \($0)" } ?? "another process"
            return "\(place) is in use by \(holder); stop it or use another data directory"
        case .system(let number):
            return "\(operation.rawValue) \(place): \(Self.text(of: number)) (errno \(number))"
        }
    }

    private static func text(of number: Int32) -> String {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress, unsafe strerror_r(number, base, 256) == 0 else {
                return "unknown error"
            }
            return unsafe String(cString: base)
        }
    }
}
