internal import MeterWire

/// One shard's details since the last checkpoint: for each series, quarter hour, outcome, model and user the
/// calls, exact amounts, the latest call, and histograms of duration and tokens.
///
/// The first calls of a row keep their values beside it; a row with more gets histograms. So a user who
/// calls twice costs little, and a busy agent's call costs two stores.
@safe struct LiveDetails: ~Copyable {
    typealias Rows = RowTable<DetailKey, DetailState>

    private(set) var rows = Rows()
    private(set) var histograms = LiveHistograms()
    private var models: NameTable
    private var users: NameTable
    private(set) var bounds: DetailGuard
    private var emptyByteCount = 0

    init(seed: UInt64, limits: DetailLimits) {
        models = NameTable(seed: seed)
        users = NameTable(seed: seed)
        bounds = DetailGuard(limits: limits)
        // The first number, so the code `DetailKey.other`.
        unsafe Name.otherDetails.bytes.withUnsafeBytes { name in
            _ = unsafe (models.intern(name), users.intern(name))
        }
        emptyByteCount = byteCount
    }

    /// Memory in use, beyond what empty details take.
    var heldByteCount: Int { byteCount - emptyByteCount }

    private var byteCount: Int {
        rows.byteCount + histograms.byteCount + models.byteCount + users.byteCount
    }

    mutating func forgetFolded() { bounds.forgetFolded() }

    // MARK: - Names

    /// The code of a model; nil if the tenant's limit leaves no room for one more name: this call is then
    /// counted under `DetailKey.other`.
    mutating func model(_ name: UnsafeRawBufferPointer, of tenant: UInt32) -> UInt32? {
        if let number = unsafe models.find(name) { return number + 1 }
        guard bounds.hasRoomForModel(of: tenant) else { return nil }
        return unsafe models.intern(name) + 1
    }

    /// The code of a user; nil as for `model`.
    mutating func user(_ name: UnsafeRawBufferPointer, of tenant: UInt32) -> UInt32? {
        if let number = unsafe users.find(name) { return number + 1 }
        guard bounds.hasRoomForUser(of: tenant) else { return nil }
        return unsafe users.intern(name) + 1
    }

    func modelName(_ code: UInt32) -> Name? {
        code == DetailKey.none ? nil : Name(bytes: Array(models[Int(code) - 1]))
    }

    func userName(_ code: UInt32) -> Name? {
        code == DetailKey.none ? nil : Name(bytes: Array(users[Int(code) - 1]))
    }

    /// In the order of their codes, from 1 on.
    var modelNames: [Name] { (0..<models.count).map { Name(bytes: Array(models[$0])) } }
    var userNames: [Name] { (0..<users.count).map { Name(bytes: Array(users[$0])) } }

    // MARK: - Counting

    /// Counts calls whose names have numbers.
    ///
    /// - Parameters:
    ///   - amounts: Of the batch; each call says where its own begin.
    ///   - components: The components' numbers; each call says where its own begin.
    mutating func add(
        _ calls: UnsafeBufferPointer<CountedCall>, amounts: UnsafePointer<UInt64>,
        components: UnsafePointer<UInt32>, amountCount: Int, names: borrowing LiveNames
    ) {
        rows.reserve(rows: calls.count, cells: amountCount)
        var pipeline = RowPipeline(calls.count)
        while pipeline.step() {
            if let index = pipeline.first {
                rows.prefetch(unsafe calls[index].detailHash)
            }
            if let index = pipeline.second {
                unsafe rows.prefetchRow(calls[index].detailHash)
            }
            if let index = pipeline.third {
                unsafe prefetchCounts(of: calls[index])
            }
            if let index = pipeline.last {
                unsafe add(calls[index], amounts: amounts, components: components, names)
            }
        }
    }

    /// Asks for the counts of the histograms that a call's values will be added to.
    @inline(__always)
    private func prefetchCounts(of call: CountedCall) {
        let place = rows.probable(call.detailHash)
        if place == 0 { return }
        let row = unsafe rows.row(at: place)
        guard unsafe row.pointee.state.hasHistograms else { return }
        unsafe histograms.prefetch(call.sample.duration, of: row.pointee.state.durations)
        unsafe histograms.prefetch(call.sample.tokens, of: row.pointee.state.tokens)
    }

    @inline(__always)
    private mutating func add(
        _ call: CountedCall, amounts: UnsafePointer<UInt64>, components: UnsafePointer<UInt32>,
        _ names: borrowing LiveNames
    ) {
        let own = unsafe components + Int(call.firstComponent)
        let count = Int(call.componentCount)
        var place = rows.find(call.detailKey, call.detailHash)
        if place == 0 {
            place = unsafe make(call.detailKey, components: own, count: count, names)
        }
        unsafe rows.add(
            to: place, components: own, amounts: amounts + Int(call.firstAmount), count: count)
        note(call, at: place)
    }

    @inline(__always)
    private mutating func note(_ call: CountedCall, at place: RowPlace) {
        let row = unsafe rows.row(at: place)
        unsafe row.pointee.state.calls &+= 1
        if unsafe call.offset > row.pointee.state.latest {
            unsafe row.pointee.state.latest = call.offset
        }
        if unsafe row.pointee.state.hasHistograms {
            unsafe count(call.sample, of: row)
            return
        }
        let count = unsafe Int(row.pointee.state.sampleCount)
        if count < DetailState.sampleCountMax {
            unsafe row.pointee.state.samples[count] = call.sample
            unsafe row.pointee.state.sampleCount = UInt16(truncatingIfNeeded: count &+ 1)
        } else {
            unsafe makeHistograms(of: row, call.sample)
        }
    }

    @inline(__always)
    private mutating func count(
        _ sample: DetailSample, of row: UnsafeMutablePointer<Rows.Row>
    ) {
        if sample.duration >= 0 {
            unsafe histograms.add(sample.duration, to: &row.pointee.state.durations)
        }
        if sample.tokens >= 0 {
            unsafe histograms.add(sample.tokens, to: &row.pointee.state.tokens)
        }
    }

    /// Pours the values that were kept one by one into histograms.
    @inline(never)
    private mutating func makeHistograms(
        of row: UnsafeMutablePointer<Rows.Row>, _ sample: DetailSample
    ) {
        unsafe row.pointee.state.hasHistograms = true
        for index in 0..<DetailState.sampleCountMax {
            unsafe count(row.pointee.state.samples[index], of: row)
        }
        unsafe count(sample, of: row)
    }

    /// The row of a key that is new, or of the key that it is folded into.
    @inline(never)
    private mutating func make(
        _ key: DetailKey, components: UnsafePointer<UInt32>, count: Int,
        _ names: borrowing LiveNames
    ) -> RowPlace {
        let tenant = names.tenant(ofSeries: key.series)
        let admitted = bounds.admit(key, of: tenant)
        if admitted != key {
            let place = rows.find(admitted, admitted.hash)
            if place != 0 { return place }
        }
        bounds.note(admitted, of: tenant)
        return unsafe rows.insert(
            admitted, DetailState(), components: components, count: count)
    }

    // MARK: - Reading

    /// Calls `durations` and `tokens` with the buckets of a row's values and how many are in each; a bucket
    /// may come several times.
    func forEachBucket(
        of state: DetailState, durations: (Int, UInt64) -> Void, tokens: (Int, UInt64) -> Void
    ) {
        if state.hasHistograms {
            histograms.forEachBucket(of: state.durations, durations)
            histograms.forEachBucket(of: state.tokens, tokens)
            return
        }
        for index in 0..<Int(state.sampleCount) {
            let sample = state.samples[index]
            if sample.duration >= 0 { durations(sample.duration, 1) }
            if sample.tokens >= 0 { tokens(sample.tokens, 1) }
        }
    }
}
