internal import CMeter
internal import NIOCore

/// The processors that this process may use.
enum Processors {
    /// At least 1: what the control group's quota allows (`System.coreCount`) and the affinity mask.
    static let count: Int = {
        let allowed = Int(meter_allowed_processors())
        return max(1, allowed > 0 ? min(allowed, System.coreCount) : System.coreCount)
    }()
}
