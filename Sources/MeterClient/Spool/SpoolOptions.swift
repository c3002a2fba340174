public import MeterWire

/// A directory in which an emitter keeps sealed frames and claims until the server has them, so that the
/// next process can send what this one could not.
///
/// Several processes may share a directory. Whoever finds the files of a process that has ended sends them
/// and ends its source. No key is in them; in suite 2 the events are encrypted there, too.
public struct SpoolOptions: Sendable {
    /// When frames are written.
    public enum Writing: Sendable, Hashable {
        /// Each before it is sent: a kill loses nothing that was sealed.
        case beforeSending
        /// When nothing came to be durable for so long, or a mebibyte waits: a kill before that loses what
        /// the server does not have.
        case whenAway(afterMilliseconds: Int64)
    }

    /// The directory, which is made, for its owner only, if it is missing; its parent must exist.
    public var path: String
    /// Bytes of all files that this emitter holds; beyond it new events are dropped and told of in claims,
    /// which may take an eighth more.
    public var byteCountMax = 256 << 20
    /// When frames are written.
    public var writing = Writing.beforeSending
    /// Waits for the disk before anything is sent, so that a power cut loses nothing either that was
    /// sealed. Without it a source that a power cut has ended stays without a last claim: nobody knows what
    /// it had sent.
    public var isSynced = false
    /// Keys that were in use before: what processes have left under them is sent, too.
    public var otherKeys: [WireKey] = []

    /// A spool in a directory, with every default.
    public init(path: String) { self.path = path }
}
