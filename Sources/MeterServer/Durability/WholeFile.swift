internal import Meter
internal import MeterDisk

extension Disk {
    /// Writes a file under another name, syncs it and gives it its own: there is all of it, or nothing.
    func writeWhole(_ bytes: [UInt8], to name: String) throws(DiskError) {
        let temporary = name + ".tmp"
        if try list().contains(temporary) { try remove(temporary) }
        let file = try create(temporary)
        var failure: DiskError?
        unsafe bytes.withUnsafeBytes { bytes in
            do throws(DiskError) { try unsafe file.append(bytes) } catch { failure = error }
        }
        if let failure { throw failure }
        try file.sync()
        try rename(temporary, to: name)
        try syncDirectory()
    }
}
