import MeterWaldur

/// Carries one account's requests to the double in the same process, without faults and delays.
struct WorldTransport: WaldurTransport {
    let world: DoubleWorld
    var token = DoubleWorld.otherToken

    func send(_ request: WaldurRequest) async throws(WaldurError) -> WaldurResponse {
        let answer = await world.answer(
            request.method.rawValue,
            request.path,
            body: request.body,
            token: token
        )
        return WaldurResponse(status: answer.status, headers: answer.headers, body: answer.body)
    }
}
