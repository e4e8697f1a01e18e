//! The registry of connections.

use crate::session::Session;

/// A connection's place in the registry. Valid while the connection is registered; places are
/// reused, so what must survive a disconnect goes by [`Session::id`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ClientId(pub u32);

/// All sessions.
#[derive(Default)]
pub struct Clients {
    sessions: Vec<Option<Box<Session>>>,
    free: Vec<u32>,
    connected: usize,
    last_id: u64,
}

impl Clients {
    /// The id for the next connection: from 1 up.
    pub fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Adds a session.
    pub fn add(&mut self, session: Session) -> ClientId {
        self.connected += 1;
        let session = Some(Box::new(session));
        match self.free.pop() {
            Some(place) => {
                self.sessions[place as usize] = session;
                ClientId(place)
            }
            None => {
                self.sessions.push(session);
                // maxclients keeps the count far below 2^32.
                ClientId((self.sessions.len() - 1) as u32)
            }
        }
    }

    /// Removes a session; its place may be given to another one.
    pub fn remove(&mut self, client: ClientId) -> Option<Box<Session>> {
        let session = self.sessions.get_mut(client.0 as usize)?.take()?;
        self.free.push(client.0);
        self.connected -= 1;
        Some(session)
    }

    /// A connection's session.
    ///
    /// # Panics
    /// If it is not registered: a worker only runs commands of connections that are.
    #[inline]
    pub fn session(&mut self, client: ClientId) -> &mut Session {
        self.sessions[client.0 as usize].as_mut().expect("a running command's client is registered")
    }

    /// All sessions, oldest place first.
    pub fn iter(&self) -> impl Iterator<Item = (ClientId, &Session)> {
        let places = self.sessions.iter().enumerate();
        places.filter_map(|(place, session)| Some((ClientId(place as u32), session.as_deref()?)))
    }

    /// How many are connected.
    pub fn len(&self) -> usize {
        self.connected
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.connected == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixMs;

    fn add(clients: &mut Clients) -> (ClientId, u64) {
        let id = clients.next_id();
        (clients.add(Session::new(id, 0, 0, UnixMs(0), true)), id)
    }

    #[test]
    fn places_are_reused_and_ids_are_not() {
        let mut clients = Clients::default();
        let (first, second, third) = (add(&mut clients), add(&mut clients), add(&mut clients));
        assert_eq!([first.1, second.1, third.1], [1, 2, 3]);
        assert_eq!(clients.remove(second.0).map(|session| session.id), Some(2));
        assert!(clients.remove(second.0).is_none());
        assert!(clients.remove(ClientId(99)).is_none());
        assert_eq!(clients.len(), 2);
        let fourth = add(&mut clients);
        assert_eq!(fourth, (second.0, 4));
        assert_eq!(clients.session(fourth.0).id, 4);
        let ids: Vec<_> = clients.iter().map(|(_, session)| session.id).collect();
        assert_eq!(ids, [1, 4, 3]);
        for (client, _) in [first, third, fourth] {
            clients.remove(client);
        }
        assert!(clients.is_empty() && clients.iter().next().is_none());
    }
}
