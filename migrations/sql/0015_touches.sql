-- Touches: the broadcast that somebody came into.

-- With when it began: who came before, came into no broadcast, however late his touch is stored.
CREATE OR REPLACE VIEW room_on_air AS
    SELECT merchant_id, room_id, id AS session_id, started_at FROM session WHERE state IN ('live', 'interrupted') AND NOT rehearsal;
